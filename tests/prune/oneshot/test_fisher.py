import pytest
import torch
from tiny import TinyNet, tiny_inputs, tiny_model
from torch.func import functional_call

from inc_hf.config import WeightPruningConfig
from inc_hf.prune.layout import from_matrix, to_matrix
from inc_hf.prune.oneshot.fisher import mask_gradients
from inc_hf.prune.target import find_targets


def targets_of(model, pattern, **settings):
    config = WeightPruningConfig(pruning_type="retrain_free", pattern=pattern, target_sparsity=0.5, **settings)
    return find_targets(model, config.merged_configs()[0])


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("bert", "channelx1"),
        ("bert", "1xchannel"),
        ("bert", "channelx4"),
        ("gpt2", "channelx1"),
        ("llama", "1xchannel"),
    ],
)
def test_gradients_of_explicit_masks(labelled, name, pattern):
    """Each weight times a parameter of ones, one per channel, and autograd."""
    model = tiny_model(name)
    targets = targets_of(model, pattern, excluded_op_names=["pooler"])
    parts = [target.parts[0] for target in targets]
    masks = []
    for part in parts:
        shape = to_matrix(part.module, part.module.weight).shape
        rows, columns = part.pattern.block(tuple(shape))
        masks.append(torch.ones(shape[0] // rows, shape[1] // columns, requires_grad=True))
    found = mask_gradients(model, targets, labelled(model))
    for i, batch in enumerate(labelled(model)):
        weights = {}
        for part, mask in zip(parts, masks, strict=True):
            rows, columns = part.pattern.block(tuple(to_matrix(part.module, part.module.weight).shape))
            whole = mask.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
            weights[f"{part.name}.weight"] = part.module.weight.detach() * from_matrix(part.module, whole)
        loss = functional_call(model, weights, kwargs=batch).loss
        for target, gradient in zip(targets, torch.autograd.grad(loss, masks), strict=True):
            torch.testing.assert_close(found[target.name][i], gradient.flatten(), rtol=1e-4, atol=1e-7)


def test_gradients_of_masks_on_heads(labelled):
    """The outputs of the heads times a parameter of ones, by a hook before the output projection."""
    model = tiny_model("bert", num_hidden_layers=2)
    targets = targets_of(model, "mha")
    found = mask_gradients(model, targets, labelled(model))
    masks = [torch.ones(2, requires_grad=True) for _ in targets]
    for target, mask in zip(targets, masks, strict=True):
        target.parts[-1].module.register_forward_pre_hook(lambda _, args, m=mask: args[0] * m.repeat_interleave(8))
    for i, batch in enumerate(labelled(model)):
        for target, gradient in zip(targets, torch.autograd.grad(model(**batch).loss, masks), strict=True):
            torch.testing.assert_close(found[target.name][i], gradient, rtol=1e-4, atol=1e-7)


def test_leaves_no_gradients_behind(labelled):
    model = tiny_model("bert").requires_grad_(False)
    gradients = mask_gradients(model, targets_of(model, "channelx1"), labelled(model))
    assert all(g.any() for g in gradients.values())
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())


def test_batches_without_labels():
    model = tiny_model("bert")
    targets = targets_of(model, "channelx1")
    with pytest.raises(ValueError, match=r"needs the loss .* `labels` in a mapping, but got \['attention_mask', 'inp"):
        mask_gradients(model, targets, [tiny_inputs(model)])
    with pytest.raises(ValueError, match="but got tuple"):
        mask_gradients(model, targets, [(torch.ones(1, 3, dtype=torch.long),)])


def test_models_without_a_loss():
    class Net(TinyNet):
        def forward(self, x, labels):
            return super().forward(x)

    net = Net()
    with pytest.raises(ValueError, match=r"Net returns no `loss` for a batch of \['labels', 'x'\]"):
        mask_gradients(net, targets_of(net, "channelx1", op_names=["."]), [{"x": torch.ones(1, 4), "labels": 1}])


def test_layers_without_a_part_in_the_loss(labelled):
    model = tiny_model("bert")
    model.spare = torch.nn.Linear(4, 4)
    with pytest.raises(ValueError, match="The loss does not depend on `spare`; name it in `excluded_op_names`"):
        mask_gradients(model, targets_of(model, "channelx1", op_names=["."]), labelled(model))


def test_a_layer_that_only_some_batches_reach():
    class Routed(TinyNet):
        def __init__(self):
            super().__init__()
            self.other = torch.nn.Linear(4, 2)

        def forward(self, x, labels):
            return {"loss": (self.linear if x.sum() > 0 else self.other)(x).square().sum()}

    net = Routed()
    batches = [{"x": sign * torch.ones(1, 4), "labels": 1} for sign in (1, -1, 1)]
    found = mask_gradients(net, targets_of(net, "channelx1", op_names=["."]), batches)
    assert found["linear"].any(1).tolist() == [True, False, True]
    assert found["other"].any(1).tolist() == [False, True, False]
