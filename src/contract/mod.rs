//! Owns what is generated from openapi.yaml and is not HTTP: wire types, job-type markers with their policies, run-time schemas, the document itself.
