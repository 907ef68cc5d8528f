"""The recurrent thrombus networks (Vargas-Ibarra et al., MIDL 2024, and "Multicentric thrombus segmentation")."""
