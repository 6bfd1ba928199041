"""The only folder that talks to messengers, a module each."""
