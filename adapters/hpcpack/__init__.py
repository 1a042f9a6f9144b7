"""HPC Pack's own REST over the same use cases: ``/hpc`` in JSON and XML, so that its clients work
unchanged."""
