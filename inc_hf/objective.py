"""INC 2.X's `neural_compressor.objective`: the built-in ones are names in `TuningCriterion(objective=...)`."""

from inc_hf.config.elsewhere import elsewhere

OWN = (
    "objectives of one's own are not measured; name some of accuracy, performance, modelsize and footprint in "
    "`TuningCriterion(objective=...)`, or let `eval_func` return what is to be the best"
)
BUILT_IN = 'name it in `TuningCriterion(objective="{}")`'
OBJECTIVES = {name: name for name in ("accuracy", "performance", "modelsize", "footprint")}
Objective = elsewhere("Objective", OWN)
MultiObjective = elsewhere("MultiObjective", OWN)
objective_registry = elsewhere("objective_registry", OWN)
objective_custom_registry = elsewhere("objective_custom_registry", OWN)
Accuracy = elsewhere("Accuracy", BUILT_IN.format("accuracy"))
Footprint = elsewhere("Footprint", BUILT_IN.format("footprint"))
ModelSize = elsewhere("ModelSize", BUILT_IN.format("modelsize"))
Performance = elsewhere("Performance", BUILT_IN.format("performance"))
