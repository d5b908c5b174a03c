"""Is the Python environment able to run Winnow at all?"""

# What we call of OpenCV's contrib modules. The modules themselves are still there (empty) when another OpenCV package has
# overwritten them, so only the functions show the damage.
CONTRIB = {
    "img_hash": ("pHash", "blockMeanHash"),
    "ximgproc": ("guidedFilter", "createSuperpixelSLIC"),
}


def opencv_fault(cv2: object) -> str | None:
    """What is wrong with the installed OpenCV and how to repair it, in words; None if it has the contrib functions we call.

    `cv2` is the imported module. Installing opencv-python or opencv-python-headless (as a dependency of another package, say)
    overwrites the files of opencv-contrib-python-headless, which pip does not notice.
    """
    damaged = [
        name
        for name, functions in CONTRIB.items()
        if not all(hasattr(getattr(cv2, name, None), function) for function in functions)
    ]
    if not damaged:
        return None
    return (
        f"OpenCV lacks its contrib modules ({', '.join(damaged)}): another OpenCV package was installed over it. "
        "Repair it with: python -m pip uninstall -y opencv-python opencv-python-headless opencv-contrib-python && "
        "python -m pip install --force-reinstall --no-deps opencv-contrib-python-headless"
    )
