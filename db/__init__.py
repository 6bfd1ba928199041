"""Storage: tables, migrations and every statement of the product. Imports none of the other packages."""
