"""The intents: a module for each, with ``handle_dialog`` for the turns on the way and ``fulfill`` for the last."""
