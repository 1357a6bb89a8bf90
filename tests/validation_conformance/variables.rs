//! Generates values for variables.

use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;
use serde_json::{Value as Json, json};

use crate::document::Operation;
use crate::generate::Generator;
use crate::test_schema::parse_type;

impl Generator<'_> {
    /// Values for the variables of an operation: most are valid; some are invalid, missing or undeclared.
    pub fn variable_values(&mut self, operation: &Operation) -> serde_json::Map<String, Json> {
        let has_errors = self.random.percent(60);
        let mut values = serde_json::Map::new();
        for variable in &operation.variables {
            if self.random.percent(if has_errors { 15 } else { 3 }) {
                continue;
            }
            let ty = parse_type(&variable.ty);
            let value = self.json_value(&ty, if has_errors { 12 } else { 0 });
            values.insert(variable.name.clone(), value);
        }
        if self.random.percent(10) {
            values.insert("unknown".to_owned(), json!({ "a": 1 }));
        }
        values
    }

    /// A value of a type. Each value in it is replaced by an arbitrary one with a probability of
    /// `invalid_percent`.
    fn json_value(&mut self, ty: &Type, invalid_percent: usize) -> Json {
        if self.random.percent(invalid_percent) {
            return self.arbitrary_json();
        }
        if !ty.is_non_null() && self.random.percent(8) {
            return Json::Null;
        }
        if ty.is_list() {
            if self.random.percent(20) {
                return self.json_value(&ty.item_type().clone().non_null(), invalid_percent);
            }
            let count = self.random.below(4);
            return (0..count).map(|_| self.json_value(ty.item_type(), invalid_percent)).collect();
        }
        let name = ty.inner_named_type().as_str();
        match self.schema.parsed.types.get(name) {
            Some(ExtendedType::InputObject(definition)) => {
                let mut fields = serde_json::Map::new();
                for field in definition.fields.values() {
                    let presence_percent = if field.is_required() { 100 - invalid_percent / 2 } else { 35 };
                    if self.random.percent(presence_percent) {
                        fields.insert(field.name.to_string(), self.json_value(&field.ty, invalid_percent));
                    }
                }
                if self.random.percent(invalid_percent / 2) {
                    let name = self.random.pick(&self.schema.input_field_names).clone();
                    fields.insert(name, json!("x"));
                }
                Json::Object(fields)
            }
            Some(ExtendedType::Enum(definition)) => {
                let names: Vec<_> = definition.values.keys().collect();
                json!(self.random.pick(&names).as_str())
            }
            _ => match name {
                "Int" => {
                    self.random.pick(&[json!(0), json!(1.0), json!(-7), json!(-0.0), json!(2e3)]).clone()
                }
                "Float" => {
                    self.random.pick(&[json!(0), json!(1.5), json!(-7), json!(1e300), json!(2.0)]).clone()
                }
                "Boolean" => json!(self.random.percent(50)),
                "String" => json!(*self.random.pick(&["", "ä😀", "5", "NEWEST"])),
                "ID" => self.random.pick(&[json!("x"), json!(5), json!(-7.0), json!("")]).clone(),
                _ => self.arbitrary_json(),
            },
        }
    }

    fn arbitrary_json(&mut self) -> Json {
        let value = match self.random.below(16) {
            0 => json!(null),
            1 => json!("5"),
            2 => json!(5),
            3 => json!(5.0),
            4 => json!(1.5),
            5 => json!(2_147_483_648_u32),
            6 => json!(-2_147_483_649_i64),
            7 => json!(true),
            8 => json!([]),
            9 => json!([null]),
            10 => json!(["x"]),
            11 => json!({}),
            12 => json!({ "seller": [] }),
            13 => json!([[1]]),
            14 => json!(self.random.pick(&self.schema.enum_values)),
            _ => json!("x"),
        };
        if value == Json::Null && self.random.percent(50) { json!(0) } else { value }
    }
}
