from __future__ import annotations

from collections.abc import Iterator

from . import PROBES, Measurement, Probe, Quantity, Subject


@PROBES.register("gradients_in_training")
class GradientsInTraining(Probe):
    """‖∂l/∂θ‖₂ for the parameters θ of each part of the network, at the last step before each evaluation.

    The parts are the embedding, each layer, what the mechanism has beside its layers, and the readout. The loss is that
    of the step's batch, and the gradient that before clipping. The trainer keeps these numbers at every evaluation, and
    this probe only stores them.

    Source: this project.
    """

    quantities = (Quantity("training_gradient_norm", "gradient norm in training", over=("step", "part")),)

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        for evaluation in subject.trained.history.evaluations:
            for part, norm in evaluation.gradients.items():
                at: dict[str, int | str] = {"stage": "train", "step": evaluation.step, "part": part}
                yield Measurement("gradients_in_training", "training_gradient_norm", norm, at=at)
