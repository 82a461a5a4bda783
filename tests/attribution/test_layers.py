"""Every module of a head is offered and works, or is not offered and refused with the list."""

import pytest
import timm
import torch

from pcsweep.attribution import grad_cam
from pcsweep.network.backbone import cut


@pytest.mark.parametrize(("name", "pcoder"), [("resnet10t", "layer3"), ("test_convnext", "stages.2")])
def test_what_is_offered_works_and_all_else_is_refused(name, pcoder):
    torch.manual_seed(0)
    backbone = timm.create_model(name).eval()
    below, head = cut(backbone, [pcoder])
    representation, target = below(torch.randn(1, 3, 64, 64)).detach(), torch.tensor([3])
    with pytest.raises(ValueError, match="but got 'nope'") as refused:
        grad_cam(head, representation, target, layer="nope")
    offered = str(refused.value).split("(")[1].split(")")[0].split(", ")
    assert offered != ["none"]
    for layer in [each for each, _ in head.named_modules() if each]:
        if layer in offered:
            assert grad_cam(head, representation, target, layer=layer).ndim == 3
            continue
        with pytest.raises(ValueError, match=f"but '{layer}' has not: .* Valid ones: null, {offered[0]}"):
            grad_cam(head, representation, target, layer=layer)


def test_a_group_names_the_last_module_inside_it():
    torch.manual_seed(0)
    _, head = cut(timm.create_model("resnet10t").eval(), ["layer3"])
    with pytest.raises(ValueError, match=r"'layer4' has not: it is a group .* The last inside it is layer4.0.act2."):
        grad_cam(head, torch.randn(1, 256, 4, 4), torch.tensor([0]), layer="layer4")
