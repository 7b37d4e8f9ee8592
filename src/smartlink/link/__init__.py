"""The contract between SmartLink and Works: versioned messages and signing, no I/O."""
