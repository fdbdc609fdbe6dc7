//! Networks: name resolution, change events, the runtime of the media engine.
