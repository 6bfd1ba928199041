"""Questions that measure a bot about Vietnamese support programmes, and what scores it. See README.md."""
