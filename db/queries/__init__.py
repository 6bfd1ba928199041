"""Every statement, a file per noun. Functions take an open connection, never commit, and name their department."""
