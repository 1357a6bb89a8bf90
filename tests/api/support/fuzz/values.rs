//! Values of the schema's types: mostly such as make sense where they stand, so that what they are for is reached.

use async_graphql::parser::types::{BaseType, Type};

use super::documents::Writer;
use super::input_value::InputValue;
use super::edge_cases;
use super::schema::{Argument, Definition};

/// The letters of base32 as ids have them.
const BASE32: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

const PREFIXES: &[&str] = &["gig", "usr", "img", "ver", "doc", "rev", "cat", "dog"];

const WORDS: &[&str] = &[
    "song",
    "Logo-Design",
    "\"fast\"",
    "Übersetzung",
    "i\u{307}stanbul",
    "½",
    "a*b",
    "3d",
    "&|!():*",
    "gig",
    "éte",
];

const REASONS: &[&str] =
    &["CONTACT_DETAILS", "SPAM", "OTHER", "IMAGE_UNREADABLE", "DATA_MISMATCH", "SANCTIONED", "NO_SUCH_CODE"];

impl Writer<'_> {
    /// The value of an argument, as a literal or a variable.
    pub(super) fn argument(&mut self, of: &Type, place: &str) -> String {
        if self.random.chance(40) {
            return format!("${}", self.variable(of, place));
        }
        let written = self.value(of, place, None);
        written.literal(self.random)
    }

    /// A new variable of that type, with its value; its name.
    pub(super) fn variable(&mut self, of: &Type, place: &str) -> String {
        let name = format!("v{}", self.number());
        let value = self.value(of, place, Some(&format!("variables.{name}")));
        let has_file = self.schema.takes_file(of);
        if of.nullable && !has_file && self.random.chance(20) {
            let default = value.literal(self.random);
            self.definitions.push(format!("${name}: {of} = {default}"));
            if self.random.chance(50) {
                return name;
            }
        } else if of.nullable && !matches!(value, InputValue::Null) && self.random.chance(20) {
            self.definitions.push(format!("${name}: {of}!"));
        } else {
            self.definitions.push(format!("${name}: {of}"));
        }
        self.variables.insert(name.clone(), value.json());
        name
    }

    /// A value for `place`, such as `Query.gigs.first` or `PostGigInput.title`. `path` is where it stands among the
    /// variables; in a document, where it has none, some of it may be variables.
    pub(super) fn value(&mut self, of: &Type, place: &str, path: Option<&str>) -> InputValue {
        if of.nullable && self.random.chance(4) {
            return InputValue::Null;
        }
        match &of.base {
            BaseType::List(entry) => {
                let length = if self.chooses_odd() { self.random.below(110) } else { self.random.below(4) };
                let entries = (0..length).map(|index| {
                    let path = path.map(|path| format!("{path}.{index}"));
                    self.part(entry, place, path.as_deref())
                });
                InputValue::List(entries.collect())
            }
            BaseType::Named(name) => self.named(name.as_str(), of, place, path),
        }
    }

    /// A value inside another.
    fn part(&mut self, of: &Type, place: &str, path: Option<&str>) -> InputValue {
        if path.is_none() && self.random.chance(8) {
            return InputValue::Variable(self.variable(of, place));
        }
        self.value(of, place, path)
    }

    fn named(&mut self, name: &str, of: &Type, place: &str, path: Option<&str>) -> InputValue {
        let schema = self.schema;
        match schema.definition(name) {
            Definition::Enum(values) => InputValue::Name(self.random.pick(values).clone()),
            Definition::Input(fields) => self.input(name, fields, path),
            _ => self.scalar(name, of, place, path),
        }
    }

    fn input(&mut self, name: &str, fields: &[Argument], path: Option<&str>) -> InputValue {
        let mut written = Vec::new();
        for field in fields {
            if field.is_required || self.random.chance(40) {
                let path = path.map(|path| format!("{path}.{}", field.name));
                let value = self.part(&field.of, &format!("{name}.{}", field.name), path.as_deref());
                written.push((field.name.clone(), value));
            }
        }
        InputValue::Fields(written)
    }

    fn scalar(&mut self, name: &str, of: &Type, place: &str, path: Option<&str>) -> InputValue {
        match (name, path) {
            ("Int", _) => InputValue::Number(self.whole_number(place).to_string()),
            ("Float", _) => InputValue::Number("0.5".to_owned()),
            ("Boolean", _) => InputValue::Boolean(self.random.chance(50)),
            ("ID", _) => InputValue::Text(self.id(place)),
            ("Decimal", _) => InputValue::Text(self.decimal()),
            ("Date", _) => InputValue::Text(self.date()),
            ("DateTime", _) => InputValue::Text("2026-11-22T09:30:00Z".to_owned()),
            ("Upload", Some(path)) => {
                self.files.push(path.to_owned());
                InputValue::Null
            }
            // A file cannot stand in a document.
            ("Upload", None) => InputValue::Variable(self.variable(of, place)),
            ("_Any", _) => self.representation(),
            _ => InputValue::Text(self.text(place)),
        }
    }

    /// Whether this one is such as nobody would send.
    pub(super) fn chooses_odd(&mut self) -> bool {
        let percent = self.odd_percent;
        self.random.chance(percent)
    }

    fn whole_number(&mut self, place: &str) -> i64 {
        if self.chooses_odd() {
            return *self.random.pick(&[0, -1, 101, i64::from(i32::MAX), i64::from(i32::MIN), 1000]);
        }
        match last_step(place) {
            // Pages inside pages multiply.
            "first" | "last" => self.random.between(0..=4),
            "expectedVersion" => self.random.between(1..=4),
            "deliveryDays" | "maxDeliveryDays" => self.random.between(1..=90),
            "revisions" => self.random.between(0..=20),
            _ => self.random.between(0..=1000),
        }
    }

    fn decimal(&mut self) -> String {
        let odd =
            ["-1", "0.001", "79228162514264337593543950335", "-79228162514264337593543950335", "007.10"];
        if self.chooses_odd() {
            return (*self.random.pick(&odd)).to_owned();
        }
        format!("{}.{:02}", self.random.between(1..=2000), self.random.between(0..=99))
    }

    fn date(&mut self) -> String {
        if self.chooses_odd() {
            return (*self.random.pick(&["0001-01-01", "9999-12-31", "2000-02-29", "1800-01-01"])).to_owned();
        }
        let (year, month, day) =
            (self.random.between(1930..=2012), self.random.between(1..=12), self.random.between(1..=28));
        format!("{year}-{month:02}-{day:02}")
    }

    /// What a federation's router asks for.
    fn representation(&mut self) -> InputValue {
        let (name, prefix) = *self.random.pick(&[("Gig", "gig"), ("User", "usr"), ("Category", "cat")]);
        let id = self.known_id(prefix);
        let fields = [("__typename", name.to_owned()), ("id", id)];
        InputValue::Fields(fields.map(|(name, text)| (name.to_owned(), InputValue::Text(text))).into())
    }

    /// An id: one that fits here, any that is there, or one that nobody has.
    fn id(&mut self, place: &str) -> String {
        if self.chooses_odd() {
            return edge_cases::text(self.random);
        }
        match self.random.below(10) {
            0 => self.made_up_id(),
            1 => {
                let known = self.fixtures;
                self.random.pick(&known.ids).clone()
            }
            _ => self.known_id(prefix_at(place)),
        }
    }

    /// One of the ids of that kind that are there.
    fn known_id(&mut self, prefix: &str) -> String {
        let ids: Vec<&String> = self.fixtures.ids.iter().filter(|id| id.starts_with(prefix)).collect();
        if ids.is_empty() { self.made_up_id() } else { (*self.random.pick(&ids)).clone() }
    }

    fn made_up_id(&mut self) -> String {
        let prefix = *self.random.pick(PREFIXES);
        let letters = (0..26).map(|place| {
            // 26 letters of 5 bits are 130 bits, and an id has 128.
            let limit = if place == 0 { 8 } else { BASE32.len() };
            char::from(BASE32[self.random.below(limit)])
        });
        let letters: String = letters.collect();
        format!("{prefix}_{letters}")
    }

    fn cursor(&mut self) -> String {
        let known = self.fixtures;
        let cursor = self.random.pick(&known.cursors).clone();
        if self.chooses_odd() || self.random.chance(20) { edge_cases::corrupt_base64(&cursor, self.random) } else { cursor }
    }

    fn text(&mut self, place: &str) -> String {
        if self.chooses_odd() {
            return edge_cases::text(self.random);
        }
        let number = self.random.below(1000);
        let known = self.fixtures;
        match last_step(place) {
            "after" | "before" => self.cursor(),
            "search" => {
                let words: Vec<&str> = (0..self.random.below(4)).map(|_| *self.random.pick(WORDS)).collect();
                words.join(" ")
            }
            "email" if place.starts_with("SignIn") => self.random.pick(&known.emails).clone(),
            "email" => format!("somebody{number}@example.com"),
            "password" => format!("a good password {number}"),
            "refreshToken" => self.random.pick(&known.refresh_tokens).clone(),
            "tags" => format!("tag {number}"),
            "links" => format!("https://example.com/work/{number}"),
            "countryCode" => (*self.random.pick(&["DE", "gb", "US", "ZZ"])).to_owned(),
            "documentNumber" => format!("AB{number}123"),
            "postalCode" => format!("LS{number}"),
            "code" => (*self.random.pick(REASONS)).to_owned(),
            "field" => {
                (*self.random.pick(&["title", "description", "personalInfo", "documents", "BACK"])).to_owned()
            }
            _ => format!("I will write song number {number} for you"),
        }
    }
}

/// The name of what the value is for.
fn last_step(place: &str) -> &str {
    place.rsplit_once('.').map_or(place, |(_, step)| step)
}

/// How the ids begin that fit there.
fn prefix_at(place: &str) -> &'static str {
    match last_step(place) {
        "category" => "cat",
        "seller" => "usr",
        "imageIds" => "img",
        "verificationId" => "ver",
        "id" if place.contains("Review") => "rev",
        "id" | "ids" if place.starts_with("Query.node") => "",
        _ => "gig",
    }
}
