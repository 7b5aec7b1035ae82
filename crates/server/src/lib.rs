//! Endpoints, dialects, management API and jobs: load, let the rules decide, write.
