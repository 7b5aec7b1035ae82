//! What must be remembered, as a port, with the contract every backend passes.
