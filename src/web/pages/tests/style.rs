//! The style sheet: its colours are legible, and it loads nothing else.

use std::collections::HashMap;

const STYLE: &str = include_str!("../../../../static/style.css");

/// The `--name: #rrggbb` pairs of the `:root` block that follows `start`.
fn colours(start: &str) -> HashMap<&'static str, [f64; 3]> {
    let block = &STYLE[STYLE.find(start).unwrap()..];
    let block = &block[..block.find('}').unwrap()];
    let declarations = block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--"));
    declarations
        .filter_map(|line| line.trim_end_matches(';').split_once(": #"))
        .map(|(name, hex)| (name, [0, 2, 4].map(|at| channel(&hex[at..at + 2]))))
        .collect()
}

/// The linear light of two hexadecimal digits, by the formula of WCAG 2.
fn channel(hex: &str) -> f64 {
    let value = f64::from(u8::from_str_radix(hex, 16).unwrap()) / 255.0;
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |[red, green, blue]: [f64; 3]| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

#[test]
fn colours_are_legible_in_light_and_dark() {
    let light = colours(":root {\n  color-scheme");
    let dark = colours("@media screen and (prefers-color-scheme: dark)");
    for (scheme, colours) in [("light", light), ("dark", dark)] {
        let check = |front: &str, ground: &str, least: f64| {
            let found = contrast(colours[front], colours[ground]);
            assert!(
                found >= least,
                "{scheme}: {front} on {ground} is {found:.2} to 1"
            );
        };
        for ground in ["ground", "surface"] {
            for text in ["text", "muted", "brand", "brand-hover", "error"] {
                check(text, ground, 4.5);
            }
            check("edge", ground, 3.0);
        }
        check("on-brand", "brand", 4.5);
        check("on-brand", "brand-hover", 4.5);
        for level in ["info", "warning", "success"] {
            check(level, &format!("{level}-ground"), 4.5);
        }
    }
}

#[test]
fn the_style_sheet_loads_nothing_else() {
    for forbidden in ["url(", "@import", "http:", "https:"] {
        assert!(!STYLE.contains(forbidden), "{forbidden}");
    }
}
