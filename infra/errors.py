"""What can go wrong with packaging and deploying; every message says what to do next.

InfraError
  PackagingError        the application cannot be packaged
    DependencyError     for lack of a dependency's wheel, or of the locked one
  DeploymentError       a stage cannot be deployed, or was rolled back
    DeclinedError       whoever was asked said no; nothing was changed
"""


class InfraError(Exception):
    """The message is for the person at the command line."""


class PackagingError(InfraError):
    """The application cannot be packaged; the message is what Chalice said, or what the bot lacks."""


class DependencyError(PackagingError):
    """A dependency has no wheel for Lambda, or not the locked one; the message is what pip said."""


class DeploymentError(InfraError):
    """A stage cannot be deployed or destroyed, or was rolled back."""


class DeclinedError(DeploymentError):
    """Whoever was asked about the changes said no."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came while CloudFormation works; the message says what goes on."""
