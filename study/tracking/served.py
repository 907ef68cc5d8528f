"""A bundle as a model of MLflow. MLflow stores this file with the model, and runs it to load one.

Its weights stay in the bundle's safetensors file: nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

if TYPE_CHECKING:
    from study.deployment.prediction import Prediction
    from study.deployment.predictor import Bundle

BUNDLE, LESION, OUT = "bundle", "lesion", "out"


class ServedBundle(PythonModel):  # type: ignore[misc]
    """Predicts from paths of NIfTI files, one subject a line."""

    def load_context(self, context: Any) -> None:
        """Load the bundle, on a GPU if there is one."""
        from study.deployment.predictor import load_bundle

        self._bundle: Bundle = load_bundle(Path(context.artifacts[BUNDLE]))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Predict each subject.

        Args:
            context: of MLflow; not used.
            model_input: a column for each sequence of the bundle, with the path of its NIfTI file; an empty text where
                a subject lacks it. For thrombi, `lesion` may hold the path of the lesion's mask.
            params: `out`, a folder for the masks, which are named `0.nii.gz`, `1.nii.gz`, … by line; without it, none
                is written.

        Returns:
            One line a subject: `volume_ml`, `components`, and `mask`, `remarks` and `warnings` as text.

        Raises:
            ConfigError, CohortError: as `Bundle.predict`.
        """
        out = str((params or {}).get(OUT) or "")
        lines = [
            self._line(number, line, Path(out) if out else None)
            for number, line in enumerate(model_input.to_dict("records"))
        ]
        return pd.DataFrame(lines)

    def _line(self, number: int, files: dict[Any, Any], out: Path | None) -> dict[str, Any]:
        given = {str(name): Path(str(path)) for name, path in files.items() if isinstance(path, str) and path}
        lesion = given.pop(LESION, None)
        found = self._bundle.predict(given, lesion=lesion, name=f"line {number}")
        mask = _write(found, out / f"{number}.nii.gz") if out else ""
        return {
            "volume_ml": found.volume_ml,
            "components": len(found.components_ml),
            "mask": mask,
            "remarks": "; ".join(found.remarks),
            "warnings": "; ".join(found.warnings),
        }


def _write(found: Prediction, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    found.write(path)
    return str(path)


set_model(ServedBundle())
