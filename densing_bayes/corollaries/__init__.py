"""What follows from the Densing Law: prices, chips, forecasts, lifetimes, drivers.

Each module is pure functions of posterior draws and of tables; what needs a fit of its own
(`prices`, `chips`, `drivers`) has a family in ``densing_bayes.families`` and imports PyMC only
when it is fitted. Independent posteriors are combined draw by draw, never from two point
estimates.

======================  ======================================================================
`draws`                 posteriors of one or several regimes, pooled by weight
`prices`                the frontier of the cheapest price above a capability; its fall
`chips`                 what a dollar buys, what a device holds; density times chips
`capacity`              the largest model that a device runs at a given speed
`forecast`              when will a model of this size match that one, and what will then fit
`targets`               what is to be matched: a model, a score, an effective size
`releases`              when the first published model does it
`backtest`              forecasts made on older data, and the authors' own, scored
`validity`              break-even of a trained model while prices fall
`drivers`               what density growth goes with: data, sparsity, distillation, developer
`evidence`              published figures beside the posterior, and those that speak against it
`explorer`              the milestone calculator as a page
======================  ======================================================================
"""
