"""The subcommands of ``python -m bot``, a module each."""
