//! Chance that is given from outside, so that it can be given again.

use std::ops::RangeInclusive;

use rand::{Rng, RngCore};

/// Where every choice of a generator comes from.
pub struct RandomSource(Box<dyn RngCore + Send>);

impl RandomSource {
    pub fn of(source: impl RngCore + Send + 'static) -> Self {
        Self(Box::new(source))
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit)
    }

    pub fn between(&mut self, range: RangeInclusive<i64>) -> i64 {
        self.0.random_range(range)
    }

    /// Yes, so many times in a hundred.
    pub fn chance(&mut self, yes: usize) -> bool {
        self.below(100) < yes
    }

    /// One of them; there is at least one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
