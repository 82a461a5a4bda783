"""The reconstruction error, compiled: the same numbers but for rounding, in about half of the time on a CPU.

Classification over timesteps is not compiled: on the larger of two networks it took longer so, and where α is not 0 it needs
second derivatives, which `torch.compile` does not support.
"""

from inspect import unwrap

import torch
from torch import Tensor

from pcsweep.config.errors import BadSetting
from pcsweep.network import PredictiveNetwork
from pcsweep.train.losses import Errors, reconstruction_errors


def compiled() -> Errors:
    """The errors as `reconstruction_errors` returns them. The first call with a batch size compiles, which takes up to a minute.

    Raises:
        BadSetting: from a call, where this machine cannot compile, for want of a C++ compiler for example.
    """
    # Unwrapped: the tests check its shapes by a wrapper, which does not compile. Not dynamic: a resumed training may see another
    # batch size first, and has to run the same code.
    errors_of: Errors = torch.compile(unwrap(reconstruction_errors), dynamic=False)

    def errors(network: PredictiveNetwork, images: Tensor) -> list[Tensor]:
        try:
            return errors_of(network, images)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise BadSetting(f"Expected `compile` to be false on this machine, where torch.compile fails: {reason}") from error

    return errors
