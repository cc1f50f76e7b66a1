"""The finder measured on raw photos: are numbers found and read, and does it stay silent where there are none?"""
