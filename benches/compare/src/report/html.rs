//! The report as one file that needs no other.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

use super::plot::Plot;

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 100em; margin: 2em auto; padding: 0 1em; }
p, li { max-width: 60em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .2em .6em; border-bottom: 1px solid #8885; text-align: left; vertical-align: top; }
svg { max-width: 100%; height: auto; background: white; }
";

/// The page of a report in Markdown, with its plots in it.
pub(super) fn page(markdown: &str, plots: &[Plot]) -> String {
    let mut inside_image = false;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Image { dest_url, .. }) => {
            inside_image = true;
            let plot = plots.iter().find(|plot| *plot.file == *dest_url);
            // The declaration in front of the element belongs to files of their own.
            plot.map(|plot| Event::Html(plot.svg[plot.svg.find("<svg").unwrap_or(0)..].to_owned().into()))
        }
        Event::End(TagEnd::Image) => {
            inside_image = false;
            None
        }
        _ if inside_image => None,
        other => Some(other),
    });
    let mut body = String::new();
    html::push_html(&mut body, events);
    let body = body.replace("<table>", "<div class=\"wide\"><table>").replace("</table>", "</table></div>");
    let title = markdown.lines().next().unwrap_or_default().trim_start_matches("# ");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
}
