"""What networks share: blocks, planning rules, ModDrop+'s head, transfer of weights. No part knows a network."""
