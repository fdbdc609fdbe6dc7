//! The Supabase channel protocol.
