"""What a module may return as its loss: one number, of which a gradient can be taken."""

import pytest
import torch

import graphfeed as gf


class Returns(torch.nn.Module):
    """What a function makes of its only weight, which is 2."""

    def __init__(self, make) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([2.0]))
        self.make = make

    def forward(self, x):
        return {"loss": self.make(self.weight)}


def run(make, trains=True) -> Returns:
    model = Returns(make)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5) if trains else None
    gf.Worker([{"x": torch.zeros(1)}], model, optimizer=optimizer).run(steps=1)
    return model


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda w: w.expand(2), r'"loss" has shape \[2\] and dtype float32; it is one'),
        (lambda w: w[:0], r'"loss" has shape \[0\] and dtype float32; it is one'),
        (lambda w: torch.tensor(3), r'"loss" has shape \[\] and dtype int64; it is one'),
        (lambda w: w > 1, r'"loss" has shape \[1\] and dtype bool; it is one'),
        (lambda w: w * 1j, r'"loss" has shape \[1\] and dtype complex64; it is one'),
        (lambda w: 0.5, '"loss" is a float, not a tensor'),
    ],
)
@pytest.mark.parametrize("trains", [True, False])
def test_what_is_not_one_number_is_refused(make, said, trains):
    with pytest.raises(ValueError, match=said):
        run(make, trains)


def test_a_gradient_is_needed_for_training_only():
    with pytest.raises(ValueError, match=r'"loss" has shape \[\] and dtype float32, but no gradient'):
        run(lambda w: w.detach().sum())
    run(lambda w: w.detach().sum(), trains=False)


def test_one_number_may_have_dimensions():
    for make in (lambda w: w.sum(), lambda w: w, lambda w: w[None]):
        assert run(make).weight.item() == 1.5
