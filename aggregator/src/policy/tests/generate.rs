//! Random queries and templates, as descriptions that can be written as SQL.

use std::fmt::Write as _;

/// A small generator of numbers (`SplitMix64`), so that a seed says everything.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn subset<T: Copy>(&mut self, from: &[T], percent: usize) -> Vec<T> {
        let mut chosen = from.to_vec();
        chosen.retain(|_| self.chance(percent));
        chosen
    }
}

/// A constant as SQL writes it; in a template, perhaps a parameter with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    Number(&'static str),
    Text(&'static str),
    Boolean(&'static str),
    Date(&'static str),
    Timestamp(&'static str),
    Parameter(String, &'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Constant(&'static str, &'static str, Constant),
    Column(&'static str, &'static str, &'static str),
    Between(&'static str, bool, Constant, Constant),
    In(&'static str, bool, Vec<Constant>),
    Like(&'static str, bool, Constant),
    Null(&'static str, bool),
    Not(Box<Condition>),
    Or(Vec<Condition>),
}

/// A query of `brand.t` and `snowy.p`, as `brand` sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) own_first: bool,
    pub(super) table: &'static str,
    pub(super) key: Vec<&'static str>,
    /// A list of this member's keys, or of the other member's.
    pub(super) list: Option<bool>,
    pub(super) conditions: Vec<Condition>,
    pub(super) peer_conditions: Vec<Condition>,
    pub(super) groups: Vec<(Option<&'static str>, &'static str)>,
    /// Functions, each of a column alone or of it times the next.
    pub(super) functions: Vec<(&'static str, Vec<&'static str>)>,
    pub(super) limit: Option<usize>,
}

const COLUMNS: [&str; 5] = ["age", "region", "day", "amount", "id"];
pub(super) const OPERATORS: [&str; 10] = [
    "=", "<>", "<", "<=", ">", ">=", "between", "in", "like", "is null",
];

impl Asked {
    pub(super) fn random(dice: &mut Dice) -> Self {
        let list = dice.chance(20).then(|| dice.chance(50));
        let aggregates = list.is_none();
        let columns = ["amount", "price", "age"];
        let few = |dice: &mut Dice| {
            if dice.chance(40) {
                0
            } else {
                1 + dice.below(2)
            }
        };
        let functions = if aggregates { few(dice) } else { 0 };
        let functions = (0..functions).map(|_| {
            let function = dice.pick(&["COUNT", "SUM", "AVG", "VAR_POP", "STDDEV"]);
            let mut of = vec![dice.pick(&columns)];
            if dice.chance(25) {
                of.push(dice.pick(&columns));
            }
            (function, of)
        });
        let functions = functions.collect();
        let mut groups = Vec::new();
        if aggregates && dice.chance(40) {
            groups.push(dice.pick(&[
                (None, "region"),
                (None, "age"),
                (Some("MONTH"), "day"),
                (Some("YEAR"), "day"),
            ]));
        }
        let conditions = (0..few(dice)).map(|_| Condition::random(dice, 2)).collect();
        let peer_conditions = (0..few(dice)).map(|_| Condition::random(dice, 1)).collect();
        Self {
            own_first: dice.chance(50),
            table: if dice.chance(2) { "u" } else { "t" },
            key: dice
                .pick(&[&["id"][..], &["email"], &["id", "email"], &["email", "id"]])
                .to_vec(),
            list,
            conditions,
            peer_conditions,
            groups,
            functions,
            limit: dice.chance(10).then_some(5),
        }
    }

    /// The query as SQL; constants of `snowy` are placeholders where it is the one that asks.
    pub(super) fn sql(&self, hide_peer: bool) -> String {
        let table = self.table;
        let (first, second) = (format!("brand.{table} AS b"), "snowy.p AS s".to_owned());
        let (first, second) = if self.own_first {
            (first, second)
        } else {
            (second, first)
        };
        let on = self
            .key
            .iter()
            .map(|column| format!("b.{column} = s.k_{column}"));
        let mut hidden = 0;
        let own = self.conditions.iter().map(|c| c.sql("b", &mut None));
        let mut placeholders = hide_peer.then_some(&mut hidden);
        let peer = self
            .peer_conditions
            .iter()
            .map(|c| c.sql("s", &mut placeholders));
        let conditions: Vec<String> = own.chain(peer).collect();
        let mut outputs: Vec<String> = match self.list {
            Some(true) => self
                .key
                .iter()
                .map(|column| format!("b.{column}"))
                .collect(),
            Some(false) => self
                .key
                .iter()
                .map(|column| format!("s.k_{column}"))
                .collect(),
            None => vec!["COUNT(*)".to_owned()],
        };
        for (function, of) in &self.functions {
            let of: Vec<String> = of.iter().map(|column| format!("b.{column}")).collect();
            outputs.push(format!("{function}({})", of.join(" * ")));
        }
        let mut sql = format!(
            "SELECT {} FROM {first} JOIN {second} ON {}",
            outputs.join(", "),
            on.collect::<Vec<_>>().join(" AND ")
        );
        for (i, condition) in conditions.iter().enumerate() {
            sql.push_str(if i == 0 { " WHERE " } else { " AND " });
            sql.push_str(condition);
        }
        for (part, column) in &self.groups {
            let _ = match part {
                None => write!(sql, " GROUP BY b.{column}"),
                Some(part) => write!(sql, " GROUP BY EXTRACT({part} FROM b.{column})"),
            };
        }
        if let (None, Some(limit)) = (self.list, self.limit) {
            let _ = write!(sql, " LIMIT {limit}");
        }
        sql
    }

    /// Calls `visit` for every constant of both sides.
    pub(super) fn constants(&mut self, visit: &mut dyn FnMut(&mut Constant)) {
        for condition in self.conditions.iter_mut().chain(&mut self.peer_conditions) {
            condition.constants(visit);
        }
    }
}

impl Constant {
    fn random(dice: &mut Dice) -> Self {
        match dice.below(6) {
            0 => Self::Number("5"),
            1 => Self::Number("5.5"),
            2 => Self::Text("it''s :x $1"),
            3 => Self::Boolean("TRUE"),
            4 => Self::Date("2025-01-31"),
            _ => Self::Timestamp("2025-01-31 12:00"),
        }
    }

    /// The types of parameters that the constant fits.
    pub(super) fn types(&self) -> &'static [&'static str] {
        match self {
            Self::Number("5") => &["INTEGER", "NUMBER"],
            Self::Number(_) => &["NUMBER"],
            Self::Text(_) => &["TEXT"],
            Self::Boolean(_) => &["BOOLEAN"],
            Self::Date(_) => &["DATE"],
            Self::Timestamp(_) => &["TIMESTAMP"],
            Self::Parameter(..) => &[],
        }
    }

    fn sql(&self, hidden: &mut Option<&mut usize>) -> String {
        if let Some(count) = hidden {
            **count += 1;
            return format!("${count}");
        }
        match self {
            Self::Number(text) | Self::Boolean(text) => (*text).to_owned(),
            Self::Text(text) => format!("'{text}'"),
            Self::Date(text) => format!("DATE '{text}'"),
            Self::Timestamp(text) => format!("TIMESTAMP '{text}'"),
            Self::Parameter(name, _) => format!(":{name}"),
        }
    }
}

impl Condition {
    fn random(dice: &mut Dice, depth: usize) -> Self {
        let column = dice.pick(&COLUMNS);
        let negated = dice.chance(30);
        match dice.below(if depth == 0 { 6 } else { 8 }) {
            0 => Self::Constant(column, dice.pick(&OPERATORS[..6]), Constant::random(dice)),
            1 => Self::Column(column, dice.pick(&OPERATORS[..6]), dice.pick(&COLUMNS)),
            2 => Self::Between(
                column,
                negated,
                Constant::random(dice),
                Constant::random(dice),
            ),
            3 => {
                let list = (0..=dice.below(2))
                    .map(|_| Constant::random(dice))
                    .collect();
                Self::In(column, negated, list)
            }
            4 => Self::Like(column, negated, Constant::Text("a%")),
            5 => Self::Null(column, negated),
            6 => Self::Not(Box::new(Self::random(dice, depth - 1))),
            _ => Self::Or(vec![
                Self::random(dice, depth - 1),
                Self::random(dice, depth - 1),
            ]),
        }
    }

    fn sql(&self, table: &str, hidden: &mut Option<&mut usize>) -> String {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::Constant(column, op, value) => {
                format!("{table}.{column} {op} {}", value.sql(hidden))
            }
            Self::Column(left, op, right) => format!("{table}.{left} {op} {table}.{right}"),
            Self::Between(column, negated, low, high) => {
                let (low, high) = (low.sql(hidden), high.sql(hidden));
                format!("{table}.{column} {}BETWEEN {low} AND {high}", not(negated))
            }
            Self::In(column, negated, list) => {
                let list: Vec<String> = list.iter().map(|value| value.sql(hidden)).collect();
                format!("{table}.{column} {}IN ({})", not(negated), list.join(", "))
            }
            Self::Like(column, negated, value) => {
                format!(
                    "{table}.{column} {}LIKE {}",
                    not(negated),
                    value.sql(hidden)
                )
            }
            Self::Null(column, negated) => format!("{table}.{column} IS {}NULL", not(negated)),
            Self::Not(inner) => format!("NOT ({})", inner.sql(table, hidden)),
            Self::Or(parts) => {
                let parts: Vec<String> = parts.iter().map(|p| p.sql(table, hidden)).collect();
                format!("({})", parts.join(" OR "))
            }
        }
    }

    fn constants(&mut self, visit: &mut dyn FnMut(&mut Constant)) {
        match self {
            Self::Constant(_, _, value) | Self::Like(_, _, value) => visit(value),
            Self::Between(_, _, low, high) => {
                visit(low);
                visit(high);
            }
            Self::In(_, _, list) => list.iter_mut().for_each(visit),
            Self::Not(inner) => inner.constants(visit),
            Self::Or(parts) => parts.iter_mut().for_each(|part| part.constants(visit)),
            Self::Column(..) | Self::Null(..) => {}
        }
    }
}

/// A template: a query in which some constants are parameters.
pub(super) fn template(dice: &mut Dice) -> (Asked, Vec<(String, &'static str)>) {
    let mut asked = Asked::random(dice);
    asked.list = None;
    asked.table = "t";
    let mut parameters: Vec<(String, &'static str)> = Vec::new();
    asked.constants(&mut |constant| {
        if !dice.chance(50) {
            return;
        }
        let kind = dice.pick(constant.types());
        let known = parameters.iter().find(|(_, other)| *other == kind);
        let name = if let Some((name, _)) = known.filter(|_| dice.chance(30)) {
            name.clone()
        } else {
            let name = format!("p{}", parameters.len());
            parameters.push((name.clone(), kind));
            name
        };
        *constant = Constant::Parameter(name, kind);
    });
    (asked, parameters)
}

/// An instance of a template, or something near one.
pub(super) fn instance(template: &Asked, dice: &mut Dice) -> Asked {
    let mut asked = template.clone();
    let spoil = dice.chance(30);
    asked.constants(&mut |constant| {
        let fitting = loop {
            let candidate = Constant::random(dice);
            match constant {
                Constant::Parameter(_, kind) if !candidate.types().contains(kind) => {}
                _ => break candidate,
            }
        };
        let is_parameter = matches!(constant, Constant::Parameter(..));
        if spoil && dice.chance(30) {
            *constant = Constant::random(dice);
        } else if is_parameter {
            *constant = fitting;
        }
    });
    if spoil && dice.chance(30) {
        asked.limit = Some(7);
    }
    asked
}
