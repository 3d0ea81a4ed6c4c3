//! A page of profiles: one file that needs no other.

use std::fmt::Write as _;

use super::report::{Layer, Part, Profile, time};
use crate::output::size;

const STYLE: &str = "\
:root { color-scheme: light dark; --witness: #2a78b8; --reduce: #c2641a; --open: #2e8b57; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .1em .6em; text-align: right; border-bottom: 1px solid #8885; }
th:first-child, td:first-child { text-align: left; white-space: pre; }
.witness { fill: var(--witness); } .reduce { fill: var(--reduce); } .open { fill: var(--open); }
.commit { fill: #8a63b8; } .other { fill: #888; }
";

/// Width of a plot, in its own units.
const WIDTH: usize = 900;
/// Where its bars begin: names stand to the left.
const BARS: usize = 260;
/// What the longest bar leaves to its right for its number.
const NUMBERS: usize = 110;
/// Height of a line of a plot.
const LINE: usize = 20;

/// A line of a plot: name, lengths with the class of their colour, and what stands behind the bar.
struct Bar<'a> {
    name: String,
    lengths: Vec<(&'a str, f64)>,
    label: String,
}

/// A page of profiles, each with its title.
pub(crate) fn page(profiles: &[(String, &Profile)]) -> String {
    let sections = profiles.iter().fold(String::new(), |mut text, (title, profile)| {
        section(&mut text, title, profile);
        text
    });
    let titles: Vec<String> = profiles.iter().map(|(title, _)| escaped(title)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Profile: {}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n{sections}</body>\n</html>\n",
        titles.join(", ")
    )
}

fn section(text: &mut String, title: &str, profile: &Profile) {
    let Profile { whole, head_bytes, layers, shared_bytes } = profile;
    let memory = whole.peak_rss_bytes.map_or(String::new(), |bytes| format!(", {} of memory at most", size(bytes)));
    let (took, bytes, head) = (time(whole.ms), size(whole.message_bytes), size(*head_bytes));
    let _ = writeln!(text, "<h1>{}</h1>", escaped(title));
    let _ = writeln!(text, "<p>A proof in {took}: {bytes} of messages behind {head} of head{memory}.</p>\n{LEGEND}");
    let phases: Vec<(&str, &Part)> = whole.parts.iter().map(|phase| (phase.name.as_str(), phase)).collect();
    let steps = whole.parts.iter().flat_map(|phase| phase.parts.iter().map(|step| (phase.name.as_str(), step)));
    let steps: Vec<(&str, &Part)> = steps.collect();
    plot(text, "Time by phase (ms)", &bars(phases.into_iter(), |part| part.ms, time));
    plot(text, "Time by step (ms)", &bars(steps.iter().copied(), |part| part.ms, time));
    let (bytes, label) = (|part: &Part| part.message_bytes as f64, |bytes: f64| size(bytes as u64));
    let sending = steps.iter().copied().filter(|(_, part)| part.message_bytes > 0);
    plot(text, "Proof by step (bytes)", &bars(sending, bytes, label));
    let memory = |part: &Part| part.peak_rss_bytes.unwrap_or(0) as f64;
    let seen = steps.iter().copied().filter(|(_, part)| part.peak_rss_bytes.is_some());
    plot(text, "Most memory held by the end of each step (bytes)", &bars(seen, memory, label));
    plot(text, "Work by layer (ms of its threads)", &layers.iter().map(of_layer).collect::<Vec<_>>());
    let of_bytes = |layer: &Layer| Bar {
        name: layer_name(layer),
        lengths: vec![("other", layer.message_bytes as f64)],
        label: size(layer.message_bytes),
    };
    plot(text, "Proof by layer (bytes)", &layers.iter().map(of_bytes).collect::<Vec<_>>());
    let shared = size(*shared_bytes);
    let _ = writeln!(text, "<p>Another {shared} of messages are shared by all layers.</p>\n<h2>Phases</h2>");
    let header = ["phase", "time", "CPU time", "share", "messages", "peak memory at its end"];
    table(text, &header, profile.rows());
    let _ = writeln!(text, "<h2>Layers</h2>");
    let row = |layer: &Layer| {
        let times = layer.times().map(time);
        std::iter::once(layer_name(layer))
            .chain(times)
            .chain([layer.commit_bytes, layer.message_bytes].map(size))
            .collect()
    };
    table(
        text,
        &["layer", "witness", "commit", "reduce", "open", "commitments", "messages"],
        layers.iter().map(row).collect(),
    );
}

const LEGEND: &str = "<p><svg viewBox=\"0 0 900 20\" role=\"img\" aria-label=\"Colours of phases\">\
<rect class=\"witness\" x=\"0\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"18\" y=\"14\">witness</text>\
<rect class=\"commit\" x=\"90\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"108\" y=\"14\">commit</text>\
<rect class=\"reduce\" x=\"180\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"198\" y=\"14\">reduce</text>\
<rect class=\"open\" x=\"270\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"288\" y=\"14\">open</text>\
<rect class=\"other\" x=\"360\" y=\"4\" width=\"12\" height=\"12\"/><text x=\"378\" y=\"14\">other</text></svg></p>";

/// The class of a phase's colour.
fn class(phase: &str) -> &str {
    match phase {
        "witness" | "commit" | "reduce" | "open" => phase,
        _ => "other",
    }
}

fn bars<'a>(
    parts: impl Iterator<Item = (&'a str, &'a Part)>,
    of: impl Fn(&Part) -> f64,
    label: impl Fn(f64) -> String,
) -> Vec<Bar<'a>> {
    let bar = |(phase, part): (&'a str, &'a Part)| {
        let name = if phase == part.name { part.name.clone() } else { format!("{phase}: {}", part.name) };
        Bar { name, lengths: vec![(class(phase), of(part))], label: label(of(part)) }
    };
    parts.map(bar).collect()
}

fn layer_name(layer: &Layer) -> String {
    format!("{} ({})", layer.name, layer.operator)
}

fn of_layer(layer: &Layer) -> Bar<'_> {
    let lengths = ["witness", "commit", "reduce", "open"].into_iter().zip(layer.times()).collect();
    Bar { name: layer_name(layer), lengths, label: time(layer.ms()) }
}

/// Horizontal bars, the longest across the whole plot.
fn plot(text: &mut String, title: &str, bars: &[Bar<'_>]) {
    let sum = |bar: &Bar<'_>| bar.lengths.iter().map(|(_, length)| length).sum::<f64>();
    let longest = bars.iter().map(sum).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - BARS - NUMBERS) as f64 / longest;
    let height = LINE * bars.len();
    let _ = writeln!(text, "<h2>{}</h2>", escaped(title));
    let _ = writeln!(text, "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escaped(title));
    for (k, bar) in bars.iter().enumerate() {
        let (top, base, mut x) = (LINE * k + 3, LINE * k + 14, BARS as f64);
        let (name, end) = (escaped(&shortened(&bar.name)), BARS - 8);
        let _ = write!(text, "<text x=\"{end}\" y=\"{base}\" text-anchor=\"end\">{name}</text>");
        for (class, length) in &bar.lengths {
            let width = length * scale;
            let _ =
                write!(text, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"14\"/>");
            x += width;
        }
        let _ = writeln!(text, "<text x=\"{:.1}\" y=\"{base}\">{}</text>", x + 6.0, escaped(&bar.label));
    }
    let _ = writeln!(text, "</svg>");
}

/// Characters of a name that a plot has room for.
const NAME: usize = 38;

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn table(text: &mut String, header: &[&str], rows: Vec<Vec<String>>) {
    let line = |tag: &str, cells: &[String]| {
        let cells = cells.iter().fold(String::new(), |line, cell| line + &format!("<{tag}>{}</{tag}>", escaped(cell)));
        format!("<tr>{cells}</tr>\n")
    };
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let rows: String = rows.iter().map(|row| line("td", row)).collect();
    let _ = writeln!(text, "<table>\n{}{rows}</table>", line("th", &header));
}

/// Text without characters that mean something to a browser or a terminal.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escaped("<script src=\"x\">&\n"), "&lt;script src=&quot;x&quot;&gt;&amp;?");
        assert_eq!(shortened(&"ä".repeat(40)), "ä".repeat(NAME) + "…");
    }
}
