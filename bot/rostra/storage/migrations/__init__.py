"""How the tables came to be, revision by revision; alembic runs them."""
