//! Texts for typing, in groups of characters.

/// A text in groups of four characters.
pub(super) fn in_groups(text: &str, separator: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let groups = characters.chunks(4).map(|group| group.iter().collect());
    groups.collect::<Vec<String>>().join(separator)
}
