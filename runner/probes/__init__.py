"""What is measured of a mechanism."""

from .probe import PROBES, Probe, Subject, Trained

__all__ = ["PROBES", "Probe", "Subject", "Trained"]
