"""Contract tests that parts in packages of your own can run, too. They need no pytest.

A check is a function that raises AssertionError, with what is wrong and what would be right::

    from mypackage.spec import SPEC
    from study.testing.models import check_model


    def test_mynet_keeps_the_contract() -> None:
        check_model("mynet", SPEC, settings={"width": 4})
"""
