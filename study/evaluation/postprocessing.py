"""From a probability map to a mask: a chain of steps, each at most once, in the configured order.

==============  ==========================================================================================
threshold       takes the voxels with probability >= threshold; always first
remove_small    removes components below a number of voxels or below a volume
keep_biggest    removes components smaller than `ratio` times the largest
near_lesion     removes components whose center of mass is more than N farther from the lesion's than that of
                the closest component; skipped without a lesion
grow            adds the voxels with probability >= grow.threshold that are connected to the mask through
                such voxels (hysteresis)
fill_holes      adds the background that no path of face neighbours connects to the border of the volume
intensity       removes components whose mean of an image is out of range; skipped without the image
seeds           takes, in the place of the mask, what grows from seeds: sure voxels of the mask within a bound of an
                image, and what is connected to them within a looser bound; skipped without the image
==============  ==========================================================================================

Components are 26-connected, and those of the mask at the beginning of a step. The steps and their order follow
Vargas-Ibarra 2024 (section 4.2.4). Deliberate deviations: the thesis can be read as adding one ring of voxels, `grow`
adds all that are connected; fill_holes, intensity and seeds are not in the thesis.

Steps that see images read them on the reference's own grid, in whole thousandths of the modality's unit or of the
normalised image (`study.imaging.values`).

Special cases:

=====================================  ===================================================================
no lesion is known                     near_lesion is skipped
the lesion lies outside of the map     distances are measured from it all the same
an empty mask                          stays empty, whatever the step
a component of one voxel               is treated like any other: it can be the largest, the closest, and grow
several components are the largest     all are kept
several are the closest in mm          the one of them that is closest in voxels counts as the closest
a component without any image value    intensity keeps it
a voxel outside of the brain           has no value; it is within no bound of seeds
an image that is computed              is not given; steps that read it are skipped
seeds elsewhere than second            refused, as they replace the mask; so is grow beside them
grow.threshold above threshold         refused; a value that a sampler draws is lowered to threshold
near_lesion without a limit            refused; in settings that a sampler draws the step is left out; so is intensity
spacing differs between subjects       limits in mL and mm use each subject's own spacing
a cavity open to the volume's border   is not a hole
a probability that is nan              is below any threshold
=====================================  ===================================================================
"""

from __future__ import annotations

import numpy as np

from study.config import Postprocessing
from study.evaluation.components import Mask
from study.evaluation.steps import StepContext, find_step
from study.evaluation.steps.step import Probability


def postprocess(probability: Probability, settings: Postprocessing, context: StepContext) -> Mask:
    """The mask [D, H, W] after all steps; the table above says what each does.

    Args:
        probability: [D, H, W].
        settings: the steps in their order, and their thresholds.
        context: voxel size and lesion.
    """
    mask: Mask = np.zeros(probability.shape, dtype=np.bool_)
    for step in settings.steps:
        mask = find_step(step).apply(mask, probability, settings, context)
    return mask


def in_words(settings: Postprocessing) -> list[str]:
    """A sentence for each step of a chain that can change something, in their order."""
    sentences = (find_step(step).words(settings) for step in settings.steps)
    return [sentence for sentence in sentences if sentence]
