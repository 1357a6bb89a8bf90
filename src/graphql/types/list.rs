//! Lists of objects.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use futures_util::future::try_join_all;

/// A list whose items are objects. If a field of an item fails and the item may not be null, the error keeps
/// the path of that field. The library's `Vec` would replace it by the path of the item. For the same reason,
/// a field of a `SimpleObject` that returns an object must be a function.
pub struct List<T>(Vec<T>);

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: OutputType> OutputType for List<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<T> as OutputType>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<T> as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let mut items = Vec::with_capacity(self.0.len());
        for (index, item) in self.0.iter().enumerate() {
            let item_ctx = ctx.with_index(index);
            items.push(async move {
                let result = item.resolve(&item_ctx, field).await;
                result.map_err(
                    |error| {
                        if error.path.is_empty() { item_ctx.set_error_path(error) } else { error }
                    },
                )
            });
        }
        Ok(Value::List(try_join_all(items).await?))
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};

    use super::*;
    use crate::graphql::error::{Error, Result};

    struct Query;
    struct Item(u8);

    #[Object]
    impl Query {
        async fn items(&self) -> List<Item> {
            [Item(0), Item(1)].into_iter().collect()
        }
    }

    #[expect(clippy::unused_async, reason = "the macro needs async functions")]
    #[Object]
    impl Item {
        async fn fails(&self) -> Result<u8> {
            if self.0 % 2 == 1 { Err(Error::bad_input("odd")) } else { Ok(self.0) }
        }

        async fn fails_as_null(&self) -> Option<Result<u8>> {
            Some(self.fails_now())
        }

        async fn item(&self) -> Item {
            Item(self.0)
        }

        async fn items(&self) -> List<Item> {
            [Item(0), Item(0), Item(self.0)].into_iter().collect()
        }

        async fn lists(&self) -> List<List<Item>> {
            let list = |number| -> List<Item> { [Item(0), Item(number)].into_iter().collect() };
            [list(0), list(self.0)].into_iter().collect()
        }

        async fn nullable(&self) -> Option<Item> {
            Some(Item(self.0))
        }
    }

    impl Item {
        fn fails_now(&self) -> Result<u8> {
            if self.0 % 2 == 1 { Err(Error::bad_input("odd")) } else { Ok(self.0) }
        }
    }

    /// Every field path of up to four steps, with its indices, ends at the field that fails.
    #[tokio::test]
    async fn an_error_behind_lists_has_the_path_of_its_field() {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        let steps = [
            ("item", "[\"item\""),
            ("items", "[\"items\",2"),
            ("lists", "[\"lists\",1,1"),
            ("nullable", "[\"nullable\""),
        ];
        let mut routes: Vec<Vec<usize>> = vec![Vec::new()];
        for length in 0..3 {
            let longer = routes
                .iter()
                .filter(|route| route.len() == length)
                .flat_map(|route| (0..steps.len()).map(move |step| [route.as_slice(), &[step]].concat()));
            let longer: Vec<_> = longer.collect();
            routes.extend(longer);
        }
        for route in routes {
            for leaf in ["fails", "failsAsNull"] {
                let selection = route
                    .iter()
                    .rev()
                    .fold(leaf.to_owned(), |inner, step| format!("{} {{ {inner} }}", steps[*step].0));
                let path = route.iter().map(|step| steps[*step].1.trim_start_matches('['));
                let path: Vec<_> = ["\"items\",1"].into_iter().chain(path).collect();
                let response = schema.execute(format!("{{ items {{ {selection} }} }}")).await;
                let paths: Vec<_> =
                    response.errors.iter().map(|error| serde_json::to_string(&error.path).unwrap()).collect();
                assert_eq!(paths, [format!("[{},\"{leaf}\"]", path.join(","))], "{selection}");
            }
        }
    }
}
