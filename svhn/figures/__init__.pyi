from .interpretation import Interpretation as Interpretation
from .interpretation import interpret_photo as interpret_photo
from .page import render_page as render_page
from .report import format_report as format_report
from .report import write_report as write_report
from .run import write_run_picture as write_run_picture
