import subprocess
import sys

import pytest

CHECK = "import sys, {module}; print(sorted({{'tensorflow', 'keras', 'torch'}} & set(sys.modules)))"


@pytest.mark.parametrize(
    "module", ["svhn.tf_models", "svhn.tf_models.classifier.config", "svhn.tf_models.trainings", "svhn.runs.loop"]
)
def test_settings_cost_no_framework(module):
    command = [sys.executable, "-c", CHECK.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
