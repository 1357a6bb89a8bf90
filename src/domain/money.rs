//! Amounts of money, exact to the cent.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// The currency of all amounts, by its ISO 4217 code.
pub const CURRENCY: &str = "USD";

/// An amount in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Money {
    pub cents: i64,
}

impl Money {
    pub const fn from_cents(cents: i64) -> Self {
        Self { cents }
    }

    /// Converts a decimal amount; `None` if it is not a whole number of cents, or out of the range of `i64`.
    pub fn from_decimal(amount: Decimal) -> Option<Self> {
        let cents = amount.checked_mul(Decimal::ONE_HUNDRED)?;
        if !cents.is_integer() {
            return None;
        }
        cents.to_i64().map(Self::from_cents)
    }

    /// The amount as a decimal number with two decimal places.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.cents, 2)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {CURRENCY}", self.to_decimal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_cents_are_money() {
        let parse = |text: &str| Money::from_decimal(text.parse().expect("a decimal"));
        assert_eq!(parse("12.50"), Some(Money::from_cents(1250)));
        assert_eq!(parse("12.5"), Some(Money::from_cents(1250)));
        assert_eq!(parse("12.505"), None);
        assert_eq!(parse("79228162514264337593543950335"), None);
        assert_eq!(Money::from_cents(1250).to_string(), "12.50 USD");
    }
}
