//! The picture of a results file: processor time per element, and peak memory of a node, against
//! the rows of each table. One SVG, two panels, one line for each kernel.
//!
//! Colours are for light and dark viewers: the background is painted, and a viewer that prefers
//! dark gets dark ones.

use std::fmt::Write as _;

use crate::failure::{Failure, Outcome};
use crate::report::{Query, Report, Run};
use crate::size::{float, shown};

const WIDTH: f64 = 940.0;
const HEIGHT: f64 = 380.0;
/// Where the panels begin, and how large they are.
const PANELS: [f64; 2] = [70.0, 540.0];
const TOP: f64 = 70.0;
const PANEL: (f64, f64) = (370.0, 250.0);
/// Classes of the lines, in the order of the kernels.
const LINES: [&str; 4] = ["a", "b", "c", "d"];
const STYLE: &str = "
  svg { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 13px }
  .back { fill: #ffffff } text { fill: #24292f } .quiet { fill: #57606a } .title { font-weight: 600 }
  .grid { stroke: #d8dee4; stroke-width: 1 } .axis { stroke: #57606a; stroke-width: 1 }
  path { fill: none; stroke-width: 2.5 } .floor { stroke-width: 1.5; stroke-dasharray: 5 4 }
  .a { stroke: #0b5fc4 } .b { stroke: #c2410c } .c { stroke: #1a7f37 } .d { stroke: #8250df }
  circle.a { fill: #0b5fc4 } circle.b { fill: #c2410c } circle.c { fill: #1a7f37 } circle.d { fill: #8250df }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9da7b3 }
    .grid { stroke: #2d333b } .axis { stroke: #9da7b3 }
    .a { stroke: #6cb0ff } .b { stroke: #ff9b63 } .c { stroke: #57d364 } .d { stroke: #c297ff }
    circle.a { fill: #6cb0ff } circle.b { fill: #ff9b63 } circle.c { fill: #57d364 } circle.d { fill: #c297ff }
  }
";

/// One line of a panel.
struct Series {
    class: String,
    points: Vec<(f64, f64)>,
    dots: bool,
}

/// A vertical axis that begins at 0.
struct Axis {
    title: &'static str,
    marks: Vec<f64>,
    label: fn(f64) -> String,
}

impl Axis {
    fn up_to(highest: f64, title: &'static str, label: fn(f64) -> String) -> Self {
        let step = nice_step(highest);
        let marks = (0..=5)
            .map(|number| float(number) * step)
            .take_while(|mark| *mark < highest + step)
            .collect();
        Self {
            title,
            marks,
            label,
        }
    }
}

/// The picture of all pairs of equally large tables.
///
/// # Errors
/// [`Failure::Usage`] if there are none.
pub(crate) fn render(report: &Report) -> Outcome<String> {
    let groups = groups(&report.runs);
    let sizes: Vec<u64> = groups
        .iter()
        .flat_map(|(_, runs)| runs.iter().map(|run| run.rows.receiver))
        .collect();
    let (Some(&least), Some(&most)) = (sizes.iter().min(), sizes.iter().max()) else {
        return Err(Failure::Usage(
            "the results hold no pair of equally large tables".into(),
        ));
    };
    if groups.len() > LINES.len() {
        return Err(Failure::Usage(format!(
            "a picture has at most {} lines",
            LINES.len()
        )));
    }
    let decades = (float(least).log10().floor(), float(most).log10().ceil());
    let decades = (decades.0, decades.1.max(decades.0 + 1.0));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"Processor time per element \
         and peak memory of a node against the rows of each table\">\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n"
    );
    let line = |value: fn(&Query) -> f64, more: &'static str, dots| {
        groups
            .iter()
            .zip(LINES)
            .map(move |((_, runs), class)| Series {
                class: format!("{class}{more}"),
                points: points(runs, value),
                dots,
            })
    };
    let mut time: Vec<Series> = line(|query| query.cpu_us_per_element, "", true).collect();
    time.extend(line(|query| query.floor_us_per_element, " floor", false));
    let memory: Vec<Series> = line(|query| float(query.peak_rss_bytes()) / 1e6, "", true).collect();
    let time_axis = Axis::up_to(largest(&time), "processor time, µs per element", |mark| {
        format!("{mark}")
    });
    panel(&mut svg, PANELS[0], &time_axis, &time, decades);
    let memory_title = "peak memory of a node during the query";
    let memory_axis = Axis::up_to(largest(&memory), memory_title, |mark| format!("{mark} MB"));
    panel(&mut svg, PANELS[1], &memory_axis, &memory, decades);
    legend(&mut svg, &groups);
    svg += "</svg>\n";
    Ok(svg)
}

/// The counts over equal tables of each kernel and memory limit, by size.
fn groups(runs: &[Run]) -> Vec<(String, Vec<&Run>)> {
    let mut groups: Vec<(String, Vec<&Run>)> = Vec::new();
    for run in runs {
        if run.rows.receiver != run.rows.sender || !run.question.is_count() {
            continue;
        }
        let name = match &run.memory_limit {
            None => run.kernel.clone(),
            Some(limit) => format!("{} (limit {limit})", run.kernel),
        };
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((name, vec![run])),
        }
    }
    for (_, runs) in &mut groups {
        runs.sort_by_key(|run| run.rows.receiver);
    }
    groups
}

fn points(runs: &[&Run], value: fn(&Query) -> f64) -> Vec<(f64, f64)> {
    runs.iter()
        .map(|run| (float(run.rows.receiver), value(run.best())))
        .collect()
}

fn largest(series: &[Series]) -> f64 {
    series
        .iter()
        .flat_map(|series| &series.points)
        .map(|point| point.1)
        .fold(0.0, f64::max)
}

/// 1, 2 or 5 times a power of ten, so that at most five steps reach `highest`.
fn nice_step(highest: f64) -> f64 {
    let unit = 10_f64.powf((highest / 5.0).max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * unit);
    steps
        .into_iter()
        .find(|step| step * 5.0 >= highest)
        .unwrap_or(unit * 10.0)
}

fn powers(low: f64, high: f64) -> Vec<f64> {
    let mut marks = vec![10_f64.powf(low)];
    let mut exponent = low;
    while exponent < high.max(low + 1.0) {
        exponent += 1.0;
        marks.push(10_f64.powf(exponent));
    }
    marks
}

fn panel(svg: &mut String, left: f64, axis: &Axis, series: &[Series], decades: (f64, f64)) {
    let (width, height) = PANEL;
    let bottom = TOP + height;
    let highest = axis.marks.last().copied().unwrap_or(1.0);
    let x = |rows: f64| left + (rows.log10() - decades.0) / (decades.1 - decades.0) * width;
    let y = |value: f64| bottom - value / highest * height;
    // Writing into a String cannot fail.
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{left}\" y=\"{}\">{}</text>",
        TOP - 14.0,
        axis.title
    );
    for mark in &axis.marks {
        let at = y(*mark);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"quiet\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left + width,
            left - 8.0,
            at + 4.5,
            (axis.label)(*mark)
        );
    }
    for rows in powers(decades.0, decades.1) {
        let at = x(rows);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a power of ten between two row counts"
        )]
        let label = shown(rows.round() as u64);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text class=\"quiet\" x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 20.0
        );
    }
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{left}\" x2=\"{}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
         <text class=\"quiet\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">rows of each table</text>",
        left + width,
        left + width / 2.0,
        bottom + 40.0
    );
    for one in series {
        let mut path = String::new();
        for (number, (rows, value)) in one.points.iter().enumerate() {
            let letter = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1} ", x(*rows), y(*value));
        }
        let _ = writeln!(
            svg,
            "<path class=\"{}\" d=\"{}\"/>",
            one.class,
            path.trim_end()
        );
        for (rows, value) in one.points.iter().filter(|_| one.dots) {
            let _ = writeln!(
                svg,
                "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"/>",
                one.class,
                x(*rows),
                y(*value)
            );
        }
    }
}

fn legend(svg: &mut String, groups: &[(String, Vec<&Run>)]) {
    let mut left = PANELS[0];
    let mut entry = |class: &str, name: &str| {
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"M{left} 24 h30\"/>\
             <text x=\"{}\" y=\"28.5\">{name}</text>",
            left + 38.0
        );
        left += 70.0 + 8.0 * float(name.len() as u64);
    };
    for ((name, _), class) in groups.iter().zip(LINES) {
        entry(class, name);
        entry(&format!("{class} floor"), "its kernel alone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, run};

    #[test]
    fn a_picture_has_a_line_and_a_floor_for_each_kernel_and_a_dot_for_each_size() {
        let mut runs = Vec::new();
        for rows in [10_000, 100_000, 1_000_000] {
            runs.push(run("portable", rows, 90.0));
            runs.push(run("other", rows, 40.0));
        }
        let svg = render(&report(runs)).unwrap();
        assert_eq!(svg.matches("<circle").count(), 12);
        assert_eq!(svg.matches("class=\"a floor\"").count(), 2);
        assert_eq!(svg.matches(">portable</text>").count(), 1);
        for label in [">10k<", ">1M<", ">100<", ">50 MB<"] {
            assert!(svg.contains(label), "{label}: {svg}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn one_size_alone_can_be_drawn() {
        let svg = render(&report(vec![run("portable", 1_000, 90.0)])).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(render(&report(Vec::new())).is_err());
    }

    #[test]
    fn marks_are_round_numbers() {
        for (highest, step) in [(90.0, 20.0), (100.0, 20.0), (34.0, 10.0), (4.2, 1.0)] {
            assert!((nice_step(highest) - step).abs() < 1e-9, "{highest}");
        }
    }
}
