"""The staff console: Vietnamese pages under ``/staff/`` for the department's people."""
