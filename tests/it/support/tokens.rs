//! Tokens for `/api/v1`, in files as the configuration wants them.

use std::path::Path;

pub const READ_TOKEN: &str = "the-token-for-reading-0123456789";
pub const WRITE_TOKEN: &str = "the-token-for-writing-0123456789";

/// Writes both tokens below `directory`, and returns the settings that name the files.
pub fn token_settings(directory: &Path) -> [(&'static str, String); 2] {
    [("read", READ_TOKEN), ("write", WRITE_TOKEN)].map(|(name, token)| {
        let path = directory.join(name);
        std::fs::write(&path, format!("{token}\n")).unwrap();
        let key = if name == "read" { "api.read_token_file" } else { "api.write_token_file" };
        (key, path.to_string_lossy().into_owned())
    })
}
