"""The reconstruction error, compiled: the same numbers but for rounding, in about half of the time on a CPU.

Not so the classification: unrolled over time it took longer compiled, and where α is not 0 it has a second derivative, which
`torch.compile` has not.
"""

from inspect import unwrap

import torch
from torch import Tensor

from pcsweep.config.errors import BadSetting
from pcsweep.network import PredictiveNetwork
from pcsweep.train.losses import Errors, reconstruction_errors


def compiled() -> Errors:
    """Compiles itself at its first call, and once more at another batch size.

    Raises:
        BadSetting: (when called) there is nothing that compiles here, such as no C++ compiler.
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
