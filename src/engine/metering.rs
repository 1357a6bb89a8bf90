//! What an operation is charged, and what of that it gets back.

use std::net::IpAddr;

use async_graphql::Name;
use async_graphql::Value;
use async_graphql::indexmap::IndexMap;

use crate::engine::limits::Admitted;
use crate::graphql::context::{Caller, Origin};
use crate::graphql::error::Error;
use crate::service::Services;
use crate::service::rate_limit::{Balance, Budget, Spender};

/// Root fields that have budgets of their own, besides their points.
const ACTS: [(&str, Budget); 5] = [
    ("signIn", Budget::SignIn),
    ("refreshSession", Budget::SignIn),
    ("signUp", Budget::SignUp),
    ("uploadGigImage", Budget::Upload),
    ("uploadIdentityDocument", Budget::Upload),
];

/// What was paid.
pub struct Price {
    spender: Spender,
    base: u64,
    requested: u64,
    /// `None` where nothing is counted.
    balance: Option<Balance>,
}

impl Price {
    /// Charges what the operation may cost.
    ///
    /// # Errors
    /// RATE_LIMITED where a budget is spent.
    pub async fn charge(services: &Services, origin: &Origin, admitted: &Admitted) -> Result<Self, Error> {
        let spender = match &origin.caller {
            Caller::Viewer(viewer) => Spender::Person(viewer.id()),
            Caller::Anonymous | Caller::Rejected => Spender::Network(origin.address),
        };
        let now = services.now();
        for (act, budget) in ACTS {
            let times = admitted.root_fields.iter().filter(|name| *name == act).count();
            if times > 0 {
                // Whoever signs in or up is nobody yet, whatever else they hold.
                let spender =
                    if budget == Budget::Upload { spender } else { Spender::Network(origin.address) };
                let times = u64::try_from(times).unwrap_or(u64::MAX);
                services.budgets.charge(budget, spender, times, now).await?;
            }
        }
        let balance = services.budgets.charge(Budget::Operations, spender, admitted.cost, now).await?;
        Ok(Self { spender, base: admitted.base_cost, requested: admitted.cost, balance })
    }

    /// Charges what an answer costs that is there already.
    ///
    /// # Errors
    /// RATE_LIMITED where the budget is spent.
    pub async fn charge_kept(services: &Services, address: IpAddr, cost: u64) -> Result<(), Error> {
        let spender = Spender::Network(address);
        services.budgets.charge(Budget::Operations, spender, cost, services.now()).await?;
        Ok(())
    }

    /// Gives back what is left of it after so many points.
    pub fn settle_at(self, services: &Services, cost: u64) {
        let unused = self.requested.saturating_sub(cost);
        services.budgets.give_back(Budget::Operations, self.spender, unused, services.now());
    }

    /// Gives back what an answer with so many objects did not take; what is to be told of it.
    pub fn settle(self, services: &Services, objects: u64) -> Value {
        // What the schema shows of itself is many objects, at one price.
        let actual = self.base.saturating_add(objects).min(self.requested);
        let unused = self.requested - actual;
        services.budgets.give_back(Budget::Operations, self.spender, unused, services.now());
        let mut told: IndexMap<Name, Value> = [("requested", self.requested), ("actual", actual)]
            .map(|(name, it)| (Name::new(name), it.into()))
            .into();
        if let Some(Balance { capacity, per_minute, remaining }) = self.balance {
            let remaining = u64::from(remaining).saturating_add(unused).min(capacity.into());
            told.insert(Name::new("limit"), capacity.into());
            told.insert(Name::new("remaining"), remaining.into());
            told.insert(Name::new("perMinute"), per_minute.into());
        }
        Value::Object(told)
    }
}
