"""The one family of errors.

    AttnprobeError            exit code
      UsageError              2   the command line, a configuration or a file given to us is wrong
        PluginError           2   a plug-in does not import or clashes with another
        ScanFileError         2   a saved scan cannot be read
        RuleError             2   a rule pack is not as its schema says
        SettingsError         2   the configuration is not as its schema says
        BaselineError         2   a baseline cannot be read, or is of something else
      TargetError             3   the target cannot be turned into a model and inputs
        ModelArgumentsError   3   the entry needs arguments that nobody can guess
      ModelError              3   the user's model raised while it was built or run
      ShapeError              3   shapes do not fit a mechanism
      MaskError               3   a mask asks a mechanism for what it cannot honour
      WorkerError             3   the process that ran the model died, hung or ran out of memory
      InternalError           4   our own bug

A message names the thing, what was found and what was expected; the hint is the next thing to try.
"""

from __future__ import annotations


class AttnprobeError(Exception):
    """Base of every error that attnprobe raises on purpose.

    Args:
        message: The thing, what was found, what was expected. One line.
        hint: The next thing to try. May be empty.
        location: "file:line" of the user's code, where one is known.
    """

    exit_code = 4
    code = "E-INTERNAL"

    def __init__(self, message: str, *, hint: str = "", location: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location


class UsageError(AttnprobeError):
    """The command line, a configuration or a file given to us is wrong."""

    exit_code = 2
    code = "E-USAGE"


class PluginError(UsageError):
    """A plug-in does not import, lacks its attribute, or clashes with another."""

    code = "E-PLUGIN"


class ScanFileError(UsageError):
    """A saved scan cannot be read: not JSON, truncated, or of another schema."""

    code = "E-SCAN-FILE"


class RuleError(UsageError):
    """A rule pack is not as its schema says: file, line and column, what was found and what was expected."""

    code = "E-RULE"


class SettingsError(UsageError):
    """The configuration is not as its schema says: file and line, what was found and what was expected."""

    code = "E-CONFIG"


class BaselineError(UsageError):
    """A baseline cannot be read, or was made of another model, workload or rule set."""

    code = "E-BASELINE"


class TargetError(AttnprobeError):
    """The target cannot be turned into a model and inputs."""

    exit_code = 3
    code = "E-TARGET"


class ModelArgumentsError(TargetError):
    """The entry needs arguments that nobody can guess."""

    code = "E-MODEL-ARGS"


class ModelError(AttnprobeError):
    """The user's model raised while it was built or run."""

    exit_code = 3
    code = "E-MODEL"


class ShapeError(AttnprobeError):
    """Shapes do not fit a mechanism."""

    exit_code = 3
    code = "E-SHAPE"


class MaskError(AttnprobeError):
    """A mask asks a mechanism for what it cannot honour."""

    exit_code = 3
    code = "E-MASK"


class WorkerError(AttnprobeError):
    """The process that ran the model died, hung or ran out of memory."""

    exit_code = 3
    code = "E-WORKER"


class InternalError(AttnprobeError):
    """Our own bug."""
