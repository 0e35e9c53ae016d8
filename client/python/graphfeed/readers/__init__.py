"""Datasets in other people's formats, as `client.ingest` takes them."""
