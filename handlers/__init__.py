"""Conversations: from messages and a state to replies and the next state. No HTTP, no channel names, no clock."""
