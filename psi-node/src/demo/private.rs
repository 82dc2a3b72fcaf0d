//! The last questions of the demo: one that a policy refuses, and one whose answer has noise and
//! costs of a budget.

use super::findings::EPSILON;
use super::sample::Shop;
use super::story::{COLLAB, Story, count_sql, indent, without_answer};
use crate::cli::Common;
use crate::cli::budget::{self, BudgetCommand};
use crate::cli::init::CONFIG_FILE;
use crate::cli::output::{self, Format};
use crate::cli::query;
use crate::collab::Mode;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::document::ResultDocument;

/// The collaboration whose answers have noise.
const COLLAB_DP: &str = "autumn";

impl Story {
    /// A filter on the identifiers themselves would ask for single persons.
    pub(super) async fn ask_what_is_refused(
        &mut self,
        snowy: &Shop,
        brand: &Shop,
    ) -> Result<(), UserError> {
        let (s, b) = (snowy.name, brand.name);
        self.stage(&format!("{s} asks for more than {b} allows"))?;
        let sql = format!(
            "SELECT COUNT(*) FROM {s}.customers AS s JOIN {b}.customers AS b \
             ON s.email_hash = b.email_hash WHERE b.email_hash > 'c0'"
        );
        let (document, exit) = self.ask(snowy, (COLLAB, None), sql).await?;
        if exit != Exit::RefusedByPeer {
            return Err(without_answer(document, exit));
        }
        let detail = document.detail.unwrap_or_default();
        let remedy = document.remedy.unwrap_or_default();
        output::print(&format!(
            "  error: {detail}\n  help: {remedy}\n  {s} gets a code; {b}'s own log says which rule \
             it was. Both hold the receipt of the refusal.\n"
        ))
    }

    /// The count once more, under a collaboration in mode `dp`, and what is left of the budget.
    pub(super) async fn ask_with_noise(
        &mut self,
        shops: &[Shop; 2],
        members: &[String],
    ) -> Result<ResultDocument, UserError> {
        let [snowy, brand] = shops;
        let (s, b) = (snowy.name, brand.name);
        self.stage("The same count with noise, under a collaboration in mode dp")?;
        self.agree(shops, members, (COLLAB_DP, Mode::Dp))?;
        self.budget(brand)?;
        let asked = (COLLAB_DP, Some(EPSILON.0));
        let (document, exit) = self.ask(snowy, asked, count_sql(snowy, brand)).await?;
        if !matches!(exit, Exit::Released | Exit::Suppressed) {
            return Err(without_answer(document, exit));
        }
        let said = document.privacy.iter().flat_map(query::say_privacy);
        output::print(&indent(&said.collect::<Vec<_>>().join("\n")))?;
        self.budget(brand)?;
        output::print(&format!(
            "  {s}'s node saw the noisy number alone; {b}'s customers were charged for it\n"
        ))?;
        Ok(document)
    }

    fn budget(&mut self, shop: &Shop) -> Result<(), UserError> {
        self.command(&format!("budget show --config {}/{CONFIG_FILE}", shop.name))?;
        budget::run(BudgetCommand::Show(Common {
            config: self.config(shop),
            format: Format::Table,
        }))?;
        Ok(())
    }
}
