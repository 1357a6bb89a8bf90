//! Random choices that can be repeated.

use std::ops::RangeInclusive;

use rand::{Rng, RngCore};

/// The source of every random choice of a generator. A seeded source repeats its choices.
pub struct RandomSource(Box<dyn RngCore + Send>);

impl RandomSource {
    pub fn new(source: impl RngCore + Send + 'static) -> Self {
        Self(Box::new(source))
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit)
    }

    pub fn between(&mut self, range: RangeInclusive<i64>) -> i64 {
        self.0.random_range(range)
    }

    /// `true` with a probability of `percent`.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the items, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
