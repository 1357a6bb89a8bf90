//! Generates values of the types of the schema. Most are plausible, so that operations get beyond validation.

use async_graphql::parser::types::{BaseType, Type};

use super::documents::DocumentWriter;
use super::edge_cases;
use super::input_value::InputValue;
use super::schema::{Argument, Definition};

/// The base32 alphabet of TypeIDs.
const BASE32: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

const ID_PREFIXES: &[&str] = &["gig", "usr", "img", "ver", "doc", "rev", "cat", "dog"];

const SEARCH_WORDS: &[&str] = &[
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

const REASON_CODES: &[&str] =
    &["CONTACT_DETAILS", "SPAM", "OTHER", "IMAGE_UNREADABLE", "DATA_MISMATCH", "SANCTIONED", "NO_SUCH_CODE"];

impl DocumentWriter<'_> {
    /// The value of an argument: a literal or a variable.
    pub(super) fn argument(&mut self, ty: &Type, coordinate: &str) -> String {
        if self.random.chance(40) {
            return format!("${}", self.variable(ty, coordinate));
        }
        let value = self.value(ty, coordinate, None);
        value.to_literal(self.random)
    }

    /// Adds a variable with a value. Returns its name.
    pub(super) fn variable(&mut self, ty: &Type, coordinate: &str) -> String {
        let name = format!("v{}", self.next_number());
        let value = self.value(ty, coordinate, Some(&format!("variables.{name}")));
        let has_file = self.schema.contains_upload(ty);
        if ty.nullable && !has_file && self.random.chance(20) {
            let default = value.to_literal(self.random);
            self.definitions.push(format!("${name}: {ty} = {default}"));
            if self.random.chance(50) {
                return name;
            }
        } else if ty.nullable && !matches!(value, InputValue::Null) && self.random.chance(20) {
            self.definitions.push(format!("${name}: {ty}!"));
        } else {
            self.definitions.push(format!("${name}: {ty}"));
        }
        self.variables.insert(name.clone(), value.to_json());
        name
    }

    /// A value for a schema coordinate such as `Query.gigs.first` or `PostGigInput.title`. `path` is its path
    /// in the variables, or `None` for a literal, which may contain variables.
    pub(super) fn value(&mut self, ty: &Type, coordinate: &str, path: Option<&str>) -> InputValue {
        if ty.nullable && self.random.chance(4) {
            return InputValue::Null;
        }
        match &ty.base {
            BaseType::List(entry) => {
                let length =
                    if self.chooses_edge_case() { self.random.below(110) } else { self.random.below(4) };
                let entries = (0..length).map(|index| {
                    let path = path.map(|path| format!("{path}.{index}"));
                    self.nested_value(entry, coordinate, path.as_deref())
                });
                InputValue::List(entries.collect())
            }
            BaseType::Named(name) => self.named_type_value(name.as_str(), ty, coordinate, path),
        }
    }

    /// A value inside a list or an input object.
    fn nested_value(&mut self, ty: &Type, coordinate: &str, path: Option<&str>) -> InputValue {
        if path.is_none() && self.random.chance(8) {
            return InputValue::Variable(self.variable(ty, coordinate));
        }
        self.value(ty, coordinate, path)
    }

    fn named_type_value(
        &mut self,
        name: &str,
        ty: &Type,
        coordinate: &str,
        path: Option<&str>,
    ) -> InputValue {
        let schema = self.schema;
        match schema.definition(name) {
            Definition::Enum(values) => InputValue::Enum(self.random.pick(values).clone()),
            Definition::Input(fields) => self.input_object(name, fields, path),
            _ => self.scalar(name, ty, coordinate, path),
        }
    }

    fn input_object(&mut self, name: &str, fields: &[Argument], path: Option<&str>) -> InputValue {
        let mut values = Vec::new();
        for field in fields {
            if field.is_required || self.random.chance(40) {
                let path = path.map(|path| format!("{path}.{}", field.name));
                let value = self.nested_value(&field.ty, &format!("{name}.{}", field.name), path.as_deref());
                values.push((field.name.clone(), value));
            }
        }
        InputValue::Object(values)
    }

    fn scalar(&mut self, name: &str, ty: &Type, coordinate: &str, path: Option<&str>) -> InputValue {
        match (name, path) {
            ("Int", _) => InputValue::Number(self.int(coordinate).to_string()),
            ("Float", _) => InputValue::Number("0.5".to_owned()),
            ("Boolean", _) => InputValue::Boolean(self.random.chance(50)),
            ("ID", _) => InputValue::Text(self.id(coordinate)),
            ("Decimal", _) => InputValue::Text(self.decimal()),
            ("Date", _) => InputValue::Text(self.date()),
            ("DateTime", _) => InputValue::Text("2026-11-22T09:30:00Z".to_owned()),
            ("Upload", Some(path)) => {
                self.files.push(path.to_owned());
                InputValue::Null
            }
            // A literal cannot be a file.
            ("Upload", None) => InputValue::Variable(self.variable(ty, coordinate)),
            ("_Any", _) => self.representation(),
            _ => InputValue::Text(self.text(coordinate)),
        }
    }

    /// Decides whether the next value is an edge case.
    pub(super) fn chooses_edge_case(&mut self) -> bool {
        let percent = self.edge_case_percent;
        self.random.chance(percent)
    }

    fn int(&mut self, coordinate: &str) -> i64 {
        if self.chooses_edge_case() {
            return *self.random.pick(&[0, -1, 101, i64::from(i32::MAX), i64::from(i32::MIN), 1000]);
        }
        match last_segment(coordinate) {
            // The costs of nested pages multiply.
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
        if self.chooses_edge_case() {
            return (*self.random.pick(&odd)).to_owned();
        }
        format!("{}.{:02}", self.random.between(1..=2000), self.random.between(0..=99))
    }

    fn date(&mut self) -> String {
        if self.chooses_edge_case() {
            return (*self.random.pick(&["0001-01-01", "9999-12-31", "2000-02-29", "1800-01-01"])).to_owned();
        }
        let (year, month, day) =
            (self.random.between(1930..=2012), self.random.between(1..=12), self.random.between(1..=28));
        format!("{year}-{month:02}-{day:02}")
    }

    /// An entity representation, as a federation router sends it.
    fn representation(&mut self) -> InputValue {
        let (name, prefix) = *self.random.pick(&[("Gig", "gig"), ("User", "usr"), ("Category", "cat")]);
        let id = self.known_id(prefix);
        let fields = [("__typename", name.to_owned()), ("id", id)];
        InputValue::Object(fields.map(|(name, text)| (name.to_owned(), InputValue::Text(text))).into())
    }

    /// An id: mostly of the right kind, sometimes of any kind or unknown.
    fn id(&mut self, coordinate: &str) -> String {
        if self.chooses_edge_case() {
            return edge_cases::text(self.random);
        }
        match self.random.below(10) {
            0 => self.unknown_id(),
            1 => {
                let fixtures = self.fixtures;
                self.random.pick(&fixtures.ids).clone()
            }
            _ => self.known_id(id_prefix(coordinate)),
        }
    }

    /// An id that exists, with this prefix.
    fn known_id(&mut self, prefix: &str) -> String {
        let ids: Vec<&String> = self.fixtures.ids.iter().filter(|id| id.starts_with(prefix)).collect();
        if ids.is_empty() { self.unknown_id() } else { (*self.random.pick(&ids)).clone() }
    }

    fn unknown_id(&mut self) -> String {
        let prefix = *self.random.pick(ID_PREFIXES);
        let letters = (0..26).map(|index| {
            // 26 letters of 5 bits have 130 bits, but an id has 128.
            let limit = if index == 0 { 8 } else { BASE32.len() };
            char::from(BASE32[self.random.below(limit)])
        });
        let letters: String = letters.collect();
        format!("{prefix}_{letters}")
    }

    fn cursor(&mut self) -> String {
        let fixtures = self.fixtures;
        let cursor = self.random.pick(&fixtures.cursors).clone();
        if self.chooses_edge_case() || self.random.chance(20) {
            edge_cases::corrupt_base64(&cursor, self.random)
        } else {
            cursor
        }
    }

    fn text(&mut self, coordinate: &str) -> String {
        if self.chooses_edge_case() {
            return edge_cases::text(self.random);
        }
        let number = self.random.below(1000);
        let fixtures = self.fixtures;
        match last_segment(coordinate) {
            "after" | "before" => self.cursor(),
            "search" => {
                let words: Vec<&str> =
                    (0..self.random.below(4)).map(|_| *self.random.pick(SEARCH_WORDS)).collect();
                words.join(" ")
            }
            "email" if coordinate.starts_with("SignIn") => self.random.pick(&fixtures.emails).clone(),
            "email" => format!("somebody{number}@example.com"),
            "password" => format!("a good password {number}"),
            "refreshToken" => self.random.pick(&fixtures.refresh_tokens).clone(),
            "tags" => format!("tag {number}"),
            "links" => format!("https://example.com/links/{number}"),
            "countryCode" => (*self.random.pick(&["DE", "gb", "US", "ZZ"])).to_owned(),
            "documentNumber" => format!("AB{number}123"),
            "postalCode" => format!("LS{number}"),
            "code" => (*self.random.pick(REASON_CODES)).to_owned(),
            "field" => {
                (*self.random.pick(&["title", "description", "personalInfo", "documents", "BACK"])).to_owned()
            }
            _ => format!("I will write song number {number} for you"),
        }
    }
}

/// The last segment of a schema coordinate.
fn last_segment(coordinate: &str) -> &str {
    coordinate.rsplit_once('.').map_or(coordinate, |(_, segment)| segment)
}

/// The prefix of the ids that a coordinate expects.
fn id_prefix(coordinate: &str) -> &'static str {
    match last_segment(coordinate) {
        "category" => "cat",
        "seller" => "usr",
        "imageIds" => "img",
        "verificationId" => "ver",
        "id" if coordinate.contains("Review") => "rev",
        "id" | "ids" if coordinate.starts_with("Query.node") => "",
        _ => "gig",
    }
}
