"""What only Dask and job schedulers need."""
